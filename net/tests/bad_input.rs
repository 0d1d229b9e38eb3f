//! Bad input of every kind, each on a connection of its own: it is told what was wrong and where, it ends in order and
//! is counted, and its neighbours notice nothing.

mod support;

mod bad_input {
    mod envelopes;
    mod garbage;
    mod lengths;
    mod neighbours;
    mod refusal;
}
