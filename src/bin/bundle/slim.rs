//! What wasm-bindgen leaves in and no page needs.

use walrus::Module;

/// Gives the imports short names, in the module and in the script that provides them. wasm-bindgen's carry a hash each,
/// which no compression makes smaller.
pub(super) fn shorten_imports(module: &mut Module, script: &mut String) {
    for (number, import) in module.imports.iter_mut().enumerate() {
        let (long, short) = (format!("{}: function", import.name), format!("i{number}"));
        if script.matches(&long).count() == 1 {
            *script = script.replace(&long, &format!("{short}: function"));
            import.name = short;
        }
    }
}
