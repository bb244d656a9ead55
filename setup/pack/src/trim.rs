//! Takes exports away, and with them all that only they could reach.

use anyhow::{Context, Result, bail};
use walrus::{ExportId, Module, ModuleConfig};

/// The module with the exports in `keep` and no others, without unreachable code and without custom sections.
///
/// An export that is asked for and is not there is an error: a callback that is silently missing would make a filter
/// that silently does nothing.
pub(crate) fn trim(wasm: &[u8], keep: &[String]) -> Result<Vec<u8>> {
    let mut module = parse(wasm)?;
    let missing: Vec<&str> = keep
        .iter()
        .filter(|name| !module.exports.iter().any(|e| e.name == **name))
        .map(String::as_str)
        .collect();
    if !missing.is_empty() {
        bail!("does not export {}", missing.join(", "));
    }
    let dropped: Vec<ExportId> =
        module.exports.iter().filter(|export| !keep.contains(&export.name)).map(walrus::Export::id).collect();
    for export in dropped {
        module.exports.delete(export);
    }
    let sections: Vec<_> = module.customs.iter().map(|(id, _)| id).collect();
    for section in sections {
        module.customs.delete(section);
    }
    walrus::passes::gc::run(&mut module);
    let packed = module.emit_wasm();
    parse(&packed).context("the packed module is not valid any more")?;
    Ok(packed)
}

/// Reads and validates a module; names and producers are not carried over.
fn parse(wasm: &[u8]) -> Result<Module> {
    let mut config = ModuleConfig::new();
    config.generate_name_section(false).generate_producers_section(false);
    config.parse(wasm).context("not a wasm module")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILTER: &str = r#"
        (module
          (import "env" "proxy_log" (func $log))
          (import "env" "proxy_http_call" (func $call))
          (memory (export "memory") 1)
          (table 1 funcref)
          (elem (i32.const 0) $by_table)
          (func $shared)
          (func $by_table (call $log))
          (func (export "on_headers") (call $shared) (call_indirect (i32.const 0)))
          (func $only_body (call $call))
          (func (export "on_body") (call $only_body) (call $shared))
          (data (i32.const 0) "kept")
          (@custom "remark" "built in /home/ann"))"#;

    fn filter() -> Vec<u8> {
        wat::parse_str(FILTER).unwrap()
    }

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(ToString::to_string).collect()
    }

    fn exports(wasm: &[u8]) -> Vec<String> {
        parse(wasm).unwrap().exports.iter().map(|export| export.name.clone()).collect()
    }

    #[test]
    fn what_is_left_is_what_was_asked_for() {
        let packed = trim(&filter(), &names(&["memory", "on_headers"])).unwrap();
        assert_eq!(exports(&packed), ["memory", "on_headers"]);
    }

    #[test]
    fn code_and_imports_of_a_dropped_callback_go_with_it() {
        let packed = parse(&trim(&filter(), &names(&["memory", "on_headers"])).unwrap()).unwrap();
        let imports: Vec<_> = packed.imports.iter().map(|import| import.name.as_str()).collect();
        assert_eq!(imports, ["proxy_log"]);
        assert_eq!(packed.funcs.iter_local().count(), 3, "shared, by_table, on_headers");
    }

    #[test]
    fn data_stays_and_custom_sections_go() {
        let packed = trim(&filter(), &names(&["memory", "on_headers"])).unwrap();
        let text = String::from_utf8_lossy(&packed);
        assert!(text.contains("kept"));
        assert!(!text.contains("/home/ann") && !text.contains("remark"));
    }

    #[test]
    fn a_missing_export_is_named() {
        let problem = trim(&filter(), &names(&["memory", "on_trailers", "on_tick"])).unwrap_err().to_string();
        assert_eq!(problem, "does not export on_trailers, on_tick");
    }

    #[test]
    fn the_same_module_packs_to_the_same_bytes() {
        let keep = names(&["memory", "on_headers", "on_body"]);
        assert_eq!(trim(&filter(), &keep).unwrap(), trim(&filter(), &keep).unwrap());
    }

    #[test]
    fn what_is_no_wasm_is_refused() {
        let problem = trim(b"<html>", &names(&["memory"])).unwrap_err().to_string();
        assert!(problem.contains("not a wasm module"), "{problem}");
    }
}
