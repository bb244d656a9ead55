//! What a policy does to a population: the engine decides for each user, and what comes out is held against what the policy
//! asks for, and against another policy.

mod chance;

pub use chance::{ChiSquare, Judgement, LEAST, THRESHOLD, Verdict, fit, independence};
