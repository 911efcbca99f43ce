"""The application around the rules: store, service, HTTP, pages and command line."""
