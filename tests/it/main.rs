//! stackctl from the outside, and the rules of its own house.

mod borders;
mod sources;
