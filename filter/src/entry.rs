//! Where the host enters the module.

use proxy_wasm::traits::RootContext;

use crate::root::Root;

proxy_wasm::main! {{
    proxy_wasm::set_root_context(|_| -> Box<dyn RootContext> { Box::new(Root::default()) });
}}
