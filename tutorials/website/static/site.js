// The search shows a few words of each page it finds. It cannot read them if the site is a local folder.
if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
