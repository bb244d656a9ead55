//! `graylane report` as people call it, and the statistics behind it.
#![cfg(test)]

mod follow;
mod ground;
mod join;
mod loop_closed;
mod mistakes;
mod page;
mod rows;
mod statistics;
