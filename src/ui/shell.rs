//! The HTML document around the application.
