"""CuPy's memory pool on a card of a given size, for the arrays that a ledger has recorded.

The pool takes blocks from the card, and splits them. For an array, it uses the smallest free piece
that is large enough; free neighbours are joined again. If the card has no room for a new block, the
pool first gives back the blocks of which no piece is in use (`cupy/cuda/memory.pyx`). Pieces in use
keep their block, so the card must be larger than the arrays.
"""

from bisect import bisect_left, insort

UNIT = 512
"""The pool rounds sizes up to multiples of this many bytes."""


class Piece:
    """A part of a block; its neighbours in the block are `before` and `after`."""

    def __init__(self, size, before=None, after=None):
        self.size, self.before, self.after, self.used = size, before, after, False
        if before:
            before.after = self
        if after:
            after.before = self


class Pool:
    """The pool.

    Parameters
    ----------
    card : int     size of the card, in bytes
    """

    def __init__(self, card):
        self.card, self.taken = card, 0
        self.sizes, self.unused = [], {}  # sizes in ascending order, and pieces of each size

    def take(self, nbytes):
        """Return a piece for an array; None if the card is too small."""
        size = max(-(-nbytes // UNIT), 1) * UNIT
        k = bisect_left(self.sizes, size)
        if k < len(self.sizes):
            piece = self.unused[self.sizes[k]][-1]
            self._remove(piece)
            if piece.size > size:
                rest = Piece(piece.size - size, piece, piece.after)
                piece.size = size
                self._add(rest)
        else:
            if self.taken + size > self.card:
                self._give_back()
            if self.taken + size > self.card:
                return None
            self.taken += size
            piece = Piece(size)
        piece.used = True
        return piece

    def release(self, piece):
        """Free a piece, and join it with its free neighbours."""
        piece.used = False
        if piece.after and not piece.after.used:
            self._remove(piece.after)
            self._join(piece)
        if piece.before and not piece.before.used:
            piece = piece.before
            self._remove(piece)
            self._join(piece)
        self._add(piece)

    def _join(self, piece):
        """Join a piece with the one after it."""
        piece.size += piece.after.size
        piece.after = piece.after.after
        if piece.after:
            piece.after.before = piece

    def _give_back(self):
        for piece in [p for pieces in self.unused.values() for p in pieces]:
            if not piece.before and not piece.after:
                self._remove(piece)
                self.taken -= piece.size

    def _add(self, piece):
        if piece.size not in self.unused:
            self.unused[piece.size] = []
            insort(self.sizes, piece.size)
        self.unused[piece.size].append(piece)

    def _remove(self, piece):
        pieces = self.unused[piece.size]
        pieces.remove(piece)
        if not pieces:
            del self.unused[piece.size]
            self.sizes.remove(piece.size)


def fits(entries, card):
    """Return whether a card of `card` bytes has room for the arrays of a ledger, in this order."""
    pool, pieces = Pool(card), {}
    for entry in entries:
        if entry.kind == "array":
            pieces[entry.number] = pool.take(entry.nbytes)
            if pieces[entry.number] is None:
                return False
        elif entry.kind == "free":
            pool.release(pieces.pop(entry.number))
    return True


def smallest_card(entries, most):
    """Return the size in bytes of the smallest card with room, to 0.5 %; infinite above `most`."""
    if not fits(entries, most):
        return float("inf")
    too_small, enough = 0, most
    while enough - too_small > 0.005 * enough:
        middle = (too_small + enough) // 2
        if fits(entries, middle):
            enough = middle
        else:
            too_small = middle
    return enough
