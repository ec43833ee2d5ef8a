//! What the compiler and wasm-bindgen leave in and no page of ours needs.

use walrus::{
    Module,
    ir::{InstrLocId, Unreachable},
};

/// Empties the functions that hydrate views asynchronously; wasm-bindgen drops what only they used.
///
/// Every type-erased view holds a pointer to its own, which keeps a tenth of the module alive, but they run only below
/// `hydrate_lazy`. A page that starts with `hydrate_body` never gets there.
pub(super) fn drop_async_hydration(module: &mut Module) {
    let named = |name: &Option<String>, part| name.as_ref().is_some_and(|name| name.contains(part));
    if module.funcs.iter().any(|it| named(&it.name, "hydrate_from_async")) {
        return;
    }
    let ids: Vec<_> = module
        .funcs
        .iter_local()
        .map(|(id, _)| id)
        .filter(|id| named(&module.funcs.get(*id).name, "hydrate_async"))
        .collect();
    for id in ids {
        let body = module.funcs.get_mut(id).kind.unwrap_local_mut();
        let entry = body.entry_block();
        body.block_mut(entry).instrs = vec![(Unreachable {}.into(), InstrLocId::default())];
    }
}

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
