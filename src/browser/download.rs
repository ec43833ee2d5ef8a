//! A file made on this page, under an object URL.

use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Blob, BlobPropertyBag, HtmlElement, Url};

/// A file in the page's memory. Dropping it frees the memory and its URL.
#[derive(Debug)]
pub struct File {
    url: String,
}

impl File {
    /// Makes a file of `text`. None where the browser refuses.
    #[must_use]
    pub fn new(media_type: &str, text: &str) -> Option<Self> {
        let options = BlobPropertyBag::new();
        options.set_type(media_type);
        let parts = js_sys::Array::of1(&JsValue::from_str(text));
        let blob = Blob::new_with_str_sequence_and_options(&parts, &options).ok()?;
        Some(Self { url: Url::create_object_url_with_blob(&blob).ok()? })
    }

    /// Lets the browser save the file as `name`.
    pub fn save_as(&self, name: &str) {
        let link = web_sys::window().and_then(|it| it.document()).and_then(|it| it.create_element("a").ok());
        let Some(link) = link.and_then(|it| it.dyn_into::<HtmlElement>().ok()) else { return };
        _ = link.set_attribute("href", &self.url);
        _ = link.set_attribute("download", name);
        link.click();
    }
}

impl Drop for File {
    fn drop(&mut self) {
        // A destructor never fails: an unknown URL needs no freeing.
        _ = Url::revoke_object_url(&self.url);
    }
}
