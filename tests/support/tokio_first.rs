//! What tokio keeps for good, before anything is counted.

/// Makes a runtime of tokio and drops it. If another package of the workspace turns on tokio's feature `signal`, the
/// first runtime opens a pair of sockets that stay open; here they are, before a test counts.
pub fn let_tokio_begin() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    drop(runtime.expect("a runtime can be made"));
}
