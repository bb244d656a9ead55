//! Where the host enters the module.

use proxy_wasm::traits::RootContext;

use crate::service::Service;

proxy_wasm::main! {{
    proxy_wasm::set_root_context(|_| -> Box<dyn RootContext> { Box::new(Service::default()) });
}}
