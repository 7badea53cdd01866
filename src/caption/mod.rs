//! Sentences about coloured pictures: the grammar that makes them, the words that are known, and what
//! is to be said of those that are not.

mod grammar;
mod remark;
mod tokenizer;
mod words;

pub use grammar::{Phrasing, Said, describe};
pub use remark::{Remark, Unknown};
pub use tokenizer::{MAX_TOKENS, PADDING, START, Tokenizer, Tokens};
pub use words::vocabulary;
