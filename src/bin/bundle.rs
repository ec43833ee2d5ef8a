//! Makes the site: what `cargo` compiled for the browser, the style sheet and the public files become `target/site`.
//!
//! The layout is cargo-leptos' (`pkg/NAME.HASH.{js,wasm,css}` beside the public files). Each compressible file gets a
//! brotli and a gzip companion. Files are written only when they change, so that nothing downstream is rebuilt for nothing.

use std::{
    collections::BTreeMap,
    error::Error,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

use flate2::{Compression, write::GzEncoder};
use sha2::{Digest as _, Sha256};
use wasm_bindgen_cli_support::Bindgen;

#[path = "bundle/slim.rs"]
mod slim;

const NAME: &str = env!("CARGO_PKG_NAME");
const STYLE: &str = "style/main.css";
const PUBLIC: &str = "public";
const USAGE: &str = "usage: bundle WASM SITE (from the root of the repository)";

/// Files of the site: path with forward slashes, content.
type Files = BTreeMap<String, Vec<u8>>;
type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [wasm, site] = arguments.as_slice() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match bundle(wasm, site) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bundle: {error}");
            ExitCode::FAILURE
        }
    }
}

fn bundle(wasm: &Path, site: &Path) -> Outcome<()> {
    let record = site.with_extension("record");
    let mut inputs = read_tree(Path::new(PUBLIC))?;
    let public = inputs.clone();
    let style = read(Path::new(STYLE))?;
    inputs.insert("//style".into(), style.clone());
    inputs.insert("//wasm".into(), read(wasm)?);
    inputs.insert("//bundle".into(), read(&std::env::current_exe()?)?);
    let made_from = fingerprint(&inputs);

    if fs::read_to_string(&record).is_ok_and(|record| record == recorded(&made_from, &sizes_on_disk(site))) {
        println!("site: up to date");
        return Ok(());
    }

    let mut files = public;
    for (name, content) in browser_part(wasm, &site.with_extension("bindgen"))? {
        let is_entry = !name.contains('/');
        files.insert(format!("pkg/{}", if is_entry { hashed(&name, &content) } else { name }), content);
    }
    files.insert(format!("pkg/{}", hashed(&format!("{NAME}.css"), &style)), style);
    let companions = files.iter().map(companions_of).collect::<Outcome<Vec<_>>>()?;
    files.extend(companions.into_iter().flatten());

    write_changed(site, &files)?;
    let sizes = files.iter().map(|(path, content)| (path.clone(), content.len() as u64)).collect();
    fs::write(record, recorded(&made_from, &sizes))?;
    for (path, content) in files.iter().filter(|(path, _)| path.starts_with("pkg/") && !is_companion(path)) {
        let brotli = files.get(&format!("{path}.br")).map_or(content.len(), Vec::len);
        println!("site: {path}: {} KB, {} KB brotli", content.len().div_ceil(1000), brotli.div_ceil(1000));
    }
    Ok(())
}

/// wasm-bindgen's output for `<script type="module">`: `NAME.js`, `NAME.wasm`, and snippets in folders.
fn browser_part(wasm: &Path, scratch: &Path) -> Outcome<Files> {
    if scratch.exists() {
        fs::remove_dir_all(scratch)?;
    }
    let mut bindgen = Bindgen::new();
    let made = bindgen.input_path(wasm).web(true).and_then(|it| {
        // The page names the wasm file itself, with its hash.
        it.out_name(NAME).typescript(false).omit_default_module_path(true);
        it.remove_name_section(true).remove_producers_section(true).generate_output()
    });
    let failed = |error| format!("wasm-bindgen: {error:#}");
    let mut output = made.map_err(failed)?;
    let mut script = output.js().to_owned();
    slim::shorten_imports(output.wasm_mut(), &mut script);
    output.emit(scratch).map_err(failed)?;
    let mut files = read_tree(scratch)?;
    files.insert(format!("{NAME}.js"), script.into_bytes());
    fs::remove_dir_all(scratch)?;
    Ok(files.into_iter().map(|(path, content)| (path.replace("_bg.wasm", ".wasm"), content)).collect())
}

/// `name.ext` with 64 bits of the content's SHA-256 between.
fn hashed(name: &str, content: &[u8]) -> String {
    let hash = hex(&Sha256::digest(content)[..8]);
    match name.rsplit_once('.') {
        Some((stem, extension)) => format!("{stem}.{hash}.{extension}"),
        None => format!("{name}.{hash}"),
    }
}

fn companions_of((path, content): (&String, &Vec<u8>)) -> Outcome<Files> {
    let mut companions = Files::new();
    let extension = path.rsplit('.').next().unwrap_or_default();
    if ["js", "mjs", "wasm", "css", "svg", "html", "txt", "json", "webmanifest"].contains(&extension) {
        companions.insert(format!("{path}.br"), brotli(content)?);
        companions.insert(format!("{path}.gz"), gzip(content)?);
        companions.retain(|_, small| small.len() < content.len());
    }
    Ok(companions)
}

fn is_companion(path: &str) -> bool {
    path.ends_with(".br") || path.ends_with(".gz")
}

fn brotli(content: &[u8]) -> Outcome<Vec<u8>> {
    let settings = brotli::enc::BrotliEncoderParams {
        quality: 11,
        lgwin: 24,
        size_hint: content.len(),
        ..brotli::enc::BrotliEncoderParams::default()
    };
    let mut small = Vec::new();
    brotli::BrotliCompress(&mut &*content, &mut small, &settings)?;
    Ok(small)
}

fn gzip(content: &[u8]) -> Outcome<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content)?;
    Ok(encoder.finish()?)
}

/// Brings `site` to hold exactly `files`, and leaves alone what is right already.
fn write_changed(site: &Path, files: &Files) -> Outcome<()> {
    for stale in read_tree(site)?.keys().filter(|path| !files.contains_key(*path)) {
        fs::remove_file(site.join(stale))?;
    }
    for (path, content) in files {
        let path = site.join(path);
        if fs::read(&path).is_ok_and(|there| there == *content) {
            continue;
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, content)?;
    }
    Ok(())
}

/// What the last run left behind: the fingerprint of its inputs, then each file with its size.
fn recorded(made_from: &str, sizes: &BTreeMap<String, u64>) -> String {
    let lines = sizes.iter().map(|(path, size)| format!("{size} {path}\n"));
    format!("{made_from}\n{}", lines.collect::<String>())
}

fn sizes_on_disk(site: &Path) -> BTreeMap<String, u64> {
    let files = read_tree(site).unwrap_or_default();
    files.into_iter().map(|(path, content)| (path, content.len() as u64)).collect()
}

fn fingerprint(inputs: &Files) -> String {
    let mut hash = Sha256::new();
    for (path, content) in inputs {
        hash.update(path);
        hash.update(content.len().to_le_bytes());
        hash.update(content);
    }
    hex(&hash.finalize())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Every file under `root`; none if there is no such folder.
fn read_tree(root: &Path) -> Outcome<Files> {
    let mut files = Files::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop().filter(|it| it.exists()) {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(root)?.to_string_lossy().replace('\\', "/");
                files.insert(name, read(&path)?);
            }
        }
    }
    Ok(files)
}

fn read(path: &Path) -> Outcome<Vec<u8>> {
    fs::read(path).map_err(|error| format!("{}: {error}", path.display()).into())
}
