//! What `graylane-demo` promises, on the real program, a real Envoy and the real module.
#![cfg(test)]

mod demo;
mod program;
mod run;
