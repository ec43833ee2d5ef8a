//! The HTML document around the application. Rendered on the server only.

use leptos::{nonce::use_nonce, prelude::*};

use super::app::{App, SkipLink};
use super::pages::not_found::{BadApplication, NotFound};
use super::pages::start::Start;
use crate::engine::address::Address;
use crate::engine::interview::plan::House;

/// Addresses of the built browser part, for the page to load at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assets {
    /// A script that runs before everything else.
    pub first: Option<&'static str>,
    pub js: String,
    pub wasm: String,
    pub css: Option<String>,
}

/// The document at `address`. Without `assets` it still reads well; nothing on it responds.
pub fn shell(options: LeptosOptions, assets: Option<Assets>, address: Address, house: House) -> AnyView {
    let title = address.title();
    match address {
        Address::Interview { application_id } => {
            document(options, assets, title, house, view! { <App application_id house /> }).into_any()
        }
        Address::Start => document(options, assets, title, house, still(Start)).into_any(),
        Address::BadApplication => document(options, assets, title, house, still(BadApplication)).into_any(),
        Address::NotFound => document(options, assets, title, house, still(NotFound)).into_any(),
    }
}

/// A page that nothing takes over.
fn still<V: IntoView>(page: impl Fn() -> V) -> impl IntoView {
    view! {
        <SkipLink />
        {page()}
    }
}

fn document(
    options: LeptosOptions,
    assets: Option<Assets>,
    title: &str,
    house: House,
    body: impl IntoView,
) -> impl IntoView {
    let title = format!("{title} · Vivavoce");
    view! {
        <!DOCTYPE html>
        // What the browser part has to know before its first view.
        <html
            lang="en"
            data-longest=house.longest.to_string()
            data-transcribes=house.transcribes.to_string()
            data-webrtc=house.webrtc.name()
            data-use-webrtc=house.use_webrtc.to_string()
            data-fallback=house.fallback.to_string()
            data-sealed=house.sealed.to_string()
        >
            <head>
                <meta charset="utf-8" />
                <meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover" />
                <meta name="color-scheme" content="light dark" />
                <meta
                    name="description"
                    content="A quiet room on the web in which you practise a job interview by voice with an AI interviewer."
                />
                <meta property="og:title" content="Vivavoce: practise the interview out loud" />
                <meta property="og:image" content="/social.png" />
                <meta name="theme-color" media="(prefers-color-scheme: light)" content="#fbf9f6" />
                <meta name="theme-color" media="(prefers-color-scheme: dark)" content="#11151c" />
                // As markup: a text node would be followed by a marker, which a title shows.
                <title inner_html=title></title>
                <link rel="icon" href="/favicon.svg" type="image/svg+xml" />
                // Before the first paint, or the colours of an earlier visit would flash.
                <script src="/theme.js" nonce=use_nonce()></script>
                {assets.map(links)}
                <AutoReload options />
            </head>
            <body>
                {body}
            </body>
        </html>
    }
}

/// Fetches everything in parallel, then starts. Leptos' own `HydrationScripts` wants a file beside the binary for hashed
/// names, and ours may live alone.
fn links(assets: Assets) -> impl IntoView {
    let Assets { first, js, wasm, css } = assets;
    let nonce = use_nonce();
    let start =
        format!("import init, {{ hydrate }} from {js:?}; await init({{ module_or_path: {wasm:?} }}); hydrate();");
    view! {
        {first.map(|src| view! { <script src=src nonce=nonce.clone()></script> })}
        {css.map(|css| view! { <link rel="stylesheet" href=css /> })}
        <link rel="modulepreload" href=js.clone() />
        <link rel="preload" href=wasm.clone() r#as="fetch" r#type="application/wasm" crossorigin="anonymous" />
        <script type="module" nonce=nonce>
            {start}
        </script>
    }
}
