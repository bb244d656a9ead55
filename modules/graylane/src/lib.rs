//! `graylane.wasm`: the filter that decides, and counts what it decides.
#![cfg(target_arch = "wasm32")]

mod entry {
    proxy_wasm::main! {{
        proxy_wasm::set_root_context(|_| graylane_filter::root::<false>());
    }}
}
