// Beside each result the search shows a few words of its page, which it cannot read from a folder.
if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
