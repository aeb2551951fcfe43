// The search shows a few words of each page that it finds. It cannot read them if the site is opened from a folder.
if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
