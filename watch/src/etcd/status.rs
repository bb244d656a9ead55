//! What gRPC says of a call that failed.

/// A status of gRPC as people know it.
pub(super) struct Status(pub(super) u32);

impl std::fmt::Display for Status {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let word = match self.0 {
            0 => "ended",
            3 => "invalid argument",
            4 => "deadline exceeded",
            7 => "permission denied",
            11 => "out of range",
            12 => "unimplemented",
            13 => "internal error",
            14 => "unavailable",
            16 => "unauthenticated",
            _ => "failed",
        };
        write!(out, "{word} (gRPC status {})", self.0)
    }
}
