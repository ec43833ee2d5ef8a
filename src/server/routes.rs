//! What the server answers besides the page itself.

pub mod interview;

/// Gives the running server function the HTTP status of its error. Does nothing outside a request.
pub fn set_status(error: &crate::api::ApiError) {
    use axum::http::StatusCode;
    use leptos::prelude::use_context;

    if let (Some(response), Ok(status)) =
        (use_context::<leptos_axum::ResponseOptions>(), StatusCode::from_u16(error.status()))
    {
        response.set_status(status);
    }
}
