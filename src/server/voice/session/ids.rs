//! Names for what a session makes.

/// Counts up; the seed tells sessions apart. No id is longer than 32 characters, which is what clients may choose too.
#[derive(Clone, Debug)]
pub(super) struct Ids {
    seed: u32,
    next: u64,
}

impl Ids {
    pub(super) const fn new(seed: u32) -> Self {
        Self { seed, next: 0 }
    }

    /// A new id such as `item_1f2e3d4c_00002a`.
    pub(super) fn next(&mut self, kind: &str) -> String {
        self.next += 1;
        format!("{kind}_{:08x}_{:06x}", self.seed, self.next)
    }

    /// The id of the session's one conversation.
    pub(super) fn conversation(&self) -> String {
        format!("conv_{:08x}", self.seed)
    }
}
