//! `graylane-telemetry.wasm`: the filter that also counts, by release and lane, how requests end.
#![cfg(target_arch = "wasm32")]

mod entry {
    proxy_wasm::main! {{
        proxy_wasm::set_root_context(|_| graylane_filter::root::<true>());
    }}
}
