//! Measures one thing that has to do with memory, for the main program: here, the allocator counts.

use foreground_benches::harness;
use foreground_benches::scenarios::remote;
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

fn main() {
    assert!(harness::run_as_child() || remote::run_as_sender(), "this is started by the main program");
}
