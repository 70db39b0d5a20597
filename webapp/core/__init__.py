"""What every app shares and that needs no table: errors, paging, static files, template tags, the embedded servers."""
