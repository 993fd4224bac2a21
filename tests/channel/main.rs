//! Connections that carry requests and replies, one module a behaviour. No display is needed.

mod allocations;
mod codec;
mod damage;
mod python;
mod serializers;
mod typed;
mod values;
