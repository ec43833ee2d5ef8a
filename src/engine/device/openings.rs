//! Which of several openings of the microphone counts. Each takes its time, and another may have been asked for meanwhile.

/// The openings that are under way, by number.
#[derive(Clone, Copy, Debug, Default)]
pub struct Openings {
    asked: u64,
    /// The latest that began to take its place. What was asked for before it comes too late.
    taken: u64,
}

impl Openings {
    /// One more is asked for. Returns its number.
    pub const fn ask(&mut self) -> u64 {
        self.asked += 1;
        self.asked
    }

    /// Opening `number` has come to an end, for better or worse. Whether anybody still wants to know.
    #[must_use]
    pub const fn is_wanted(&self, number: u64) -> bool {
        number > self.taken
    }

    /// Opening `number` has its device, which begins to take the place of the one before.
    pub const fn take(&mut self, number: u64) {
        self.taken = number;
    }

    /// Whether the place is still that of opening `number`.
    #[must_use]
    pub const fn holds(&self, number: u64) -> bool {
        self.taken == number
    }

    /// The microphone is turned off, and what is under way is not wanted any more.
    pub const fn release(&mut self) {
        self.taken = self.ask();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_for_later_wins_in_whatever_order_the_devices_open() {
        let mut openings = Openings::default();
        let (first, second) = (openings.ask(), openings.ask());
        assert!(openings.is_wanted(second));
        openings.take(second);
        assert!(!openings.is_wanted(first) && openings.holds(second));

        let (third, fourth) = (openings.ask(), openings.ask());
        openings.take(third);
        assert!(openings.is_wanted(fourth), "the order of asking");
        openings.take(fourth);
        assert!(!openings.holds(third), "overtaken while it took its place");
    }

    /// A later one that fails takes nothing away from the one before.
    #[test]
    fn one_that_fails_leaves_the_others() {
        let mut openings = Openings::default();
        let (first, second) = (openings.ask(), openings.ask());
        assert!(openings.is_wanted(second) && openings.is_wanted(first));
    }

    /// S003-40: nothing is opened into a room that was left.
    #[test]
    fn after_a_release_nothing_of_before_is_wanted() {
        let mut openings = Openings::default();
        let (first, second) = (openings.ask(), openings.ask());
        openings.take(first);
        openings.release();
        assert!(!openings.holds(first) && !openings.is_wanted(second));
        let next = openings.ask();
        assert!(openings.is_wanted(next));
    }
}
