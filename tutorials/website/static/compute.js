// What the interactive figures compute. Nothing is drawn here; a test compares these functions with the package.
"use strict";

globalThis.compute = (() => {
  const range = n => Array.from({ length: n }, (_, i) => i);
  const table = (rows, columns, entry) => range(rows).map(r => range(columns).map(c => entry(r, c)));
  const sum = numbers => numbers.reduce((a, b) => a + b, 0);

  // Convolution, see minunet/ops/conv2d.py; maps and kernels of one channel.

  const products = (x, w, r, c) => w.map((row, i) => row.map((weight, j) => x[r + i][c + j] * weight));

  const convolve = (x, w, b) =>
    table(x.length - w.length + 1, x[0].length - w[0].length + 1, (r, c) => b + sum(products(x, w, r, c).flat()));

  // The gradients from the first `pixels` pixels of dy, row by row.
  function convolveBackward(dy, x, w, pixels = Infinity) {
    const dx = x.map(row => row.map(() => 0)), dw = w.map(row => row.map(() => 0));
    let db = 0;
    dy.flat().slice(0, pixels).forEach((slope, n) => {
      const r = Math.floor(n / dy[0].length), c = n % dy[0].length;
      w.forEach((row, i) => row.forEach((weight, j) => {
        dx[r + i][c + j] += slope * weight;
        dw[i][j] += slope * x[r + i][c + j];
      }));
      db += slope;
    });
    return { dx, dw, db };
  }

  // Border weights, see minunet/data/weight_map.py; a map holds the number of the cell of each pixel, or 0.

  const REACH = 9;

  const separate = cells => cells.map((row, r) => row.map((cell, c) => {
    const near = cells.slice(Math.max(r - 1, 0), r + 2).flatMap(line => line.slice(Math.max(c - 1, 0), c + 2));
    return near.some(other => other > 0 && other !== cell) ? 0 : cell;
  }));

  // Weights of background and cell that give both classes the same total weight.
  function classWeights(separated) {
    const pixels = separated.flat(), cell = pixels.filter(k => k > 0).length;
    const counts = [pixels.length - cell, cell], present = counts.filter(n => n > 0).length;
    return counts.map(n => (n > 0 ? Math.fround(pixels.length / (present * n)) : 0));
  }

  // For every pixel the nearest two cells, each as [distance, row, column] of its nearest pixel: d1 and d2.
  function twoNearest(cells) {
    const places = new Map();
    cells.forEach((row, r) => row.forEach((k, c) => {
      if (k > 0) places.set(k, [...(places.get(k) ?? []), [r, c]]);
    }));
    const none = [Infinity, -1, -1];
    return table(cells.length, cells[0].length, (r, c) => {
      const found = [none, none];
      for (const pixels of places.values()) {
        let least = Infinity, at;
        for (const pixel of pixels) {
          const squared = (pixel[0] - r) ** 2 + (pixel[1] - c) ** 2;
          if (squared < least) [least, at] = [squared, pixel];
        }
        found.push([Math.sqrt(least), ...at]);
      }
      return found.sort((a, b) => (a[0] === b[0] ? 0 : a[0] - b[0])).slice(0, 2);
    });
  }

  // Equation (2): w = w_c + w0 exp(-(d1 + d2)² / (2 σ²)), the second term on the background only.
  function weightMap(cells, w0, sigma) {
    const separated = separate(cells), classes = classWeights(separated), nearest = twoNearest(separated);
    const border = nearest.map((row, r) => row.map(([first, second], c) =>
      separated[r][c] > 0 || second[0] > REACH * sigma
        ? 0 : w0 * Math.exp(-((first[0] + second[0]) ** 2) / (2 * sigma ** 2))));
    const weights = border.map((row, r) => row.map((term, c) => classes[separated[r][c] > 0 ? 1 : 0] + term));
    return { separated, classes, nearest, border, weights };
  }

  // Deformation, see minunet/augmentation/deformation.py.

  // The three curves of the natural cubic spline at a pixel of a tile: 1 at their own grid point, 0 at the others.
  function curves(pixel, size) {
    const t = 2 * pixel / (size - 1), near = Math.min(t, 2 - t);
    const middle = (3 * near - near ** 3) / 2;
    return [1 - (t + middle) / 2, middle, (t - middle) / 2];
  }

  function slopes(pixel, size) {
    const t = 2 * pixel / (size - 1), near = Math.min(t, 2 - t);
    const middle = (3 - 3 * near ** 2) / 2 * (t < 1 ? 1 : -1);
    return [-(1 + middle) / 2, middle, (1 - middle) / 2].map(slope => 2 * slope / (size - 1));
  }

  const spread = (rows, vectors, columns) =>
    sum(rows.flatMap((a, i) => columns.map((b, j) => a * vectors[i][j] * b)));

  // u at one pixel, in rows and columns; `vectors` is [rows, columns], each 3x3.
  const displacement = (vectors, r, c, size) =>
    vectors.map(part => spread(curves(r, size), part, curves(c, size)));

  // det(1 + ∇u): not positive where the tile is folded.
  function determinant(vectors, r, c, size) {
    const [down, right] = [0, 1].map(k => [
      spread(slopes(r, size), vectors[k], curves(c, size)), spread(curves(r, size), vectors[k], slopes(c, size)),
    ]);
    return (1 + down[0]) * (1 + right[1]) - down[1] * right[0];
  }

  // Sizes along the U, see minunet/network/sizes.py.

  const margin = depth => 6 * 2 ** depth - 4;

  // The sizes of the input of every stage and of the outputs of its two convolutions; null for an invalid size.
  function stages(size, depth) {
    const walk = {}, levels = range(depth);
    let s = size;
    for (const level of levels) {
      walk[`contract${level}`] = [s, s - 2, s - 4];
      if (s % 2) return null;
      s = (s - 4) / 2;
    }
    walk.bottom = [s, s - 2, s - 4];
    for (const level of levels.reverse()) {
      s = 2 * (s - 4);
      walk[`expand${level}`] = [s, s - 2, s - 4];
    }
    return Object.values(walk).every(sizes => sizes[2] > 0) ? walk : null;
  }

  const smallest = depth => (depth === 1 ? 7 : 8) * 2 ** depth + 4 * (2 ** depth - 1);

  // The largest valid size up to `size`, null if there is none, and the smallest from `size` on.
  function nearestValid(size, depth) {
    const least = smallest(depth), step = 2 ** depth;
    if (size < least) return [null, least];
    const above = least + Math.ceil((size - least) / step) * step;
    return [above === size ? above : above - step, above];
  }

  // How many pixels the skip connection of a level is cropped by on each side.
  const crop = (walk, level) => (walk[`contract${level}`][2] - walk[`expand${level}`][0]) / 2;

  // Along one axis, the first and last pixel of every map that an output pixel depends on through the skip
  // connection of one level; if `through` equals the depth, through the bottom.
  function seen(size, depth, pixel, through) {
    const walk = stages(size, depth), spans = {};
    let first = pixel, last = pixel;
    const convolutions = stage => {
      spans[stage] = [[first, last + 4], [first, last + 2], [first, last]];
      last += 4;
    };
    for (let level = 0; level < depth && level <= through; level++) {
      convolutions(`expand${level}`);
      if (level < through) [first, last] = [Math.floor(first / 2), Math.floor(last / 2)];
    }
    if (through === depth) {
      convolutions("bottom");
    } else {
      first += crop(walk, through);
      last += crop(walk, through);
      convolutions(`contract${through}`);
    }
    for (let level = through - 1; level >= 0; level--) {
      [first, last] = [2 * first, 2 * last + 1];
      convolutions(`contract${level}`);
    }
    return spans;
  }

  return {
    range, table, products, convolve, convolveBackward, separate, classWeights, twoNearest, weightMap,
    curves, displacement, determinant, margin, stages, smallest, nearestValid, crop, seen,
  };
})();
