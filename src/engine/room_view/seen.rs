//! Which numbered events were seen already. Two channels may tell the same one, and each in its own time.

/// How far back an event that comes late is still told from one that comes twice.
const WINDOW: u64 = 64;

/// The highest number seen, and which of those below it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    top: u64,
    /// Bit `i` stands for `top - i`.
    bits: u64,
}

impl Seen {
    /// Everything up to `n` is known.
    pub(super) const fn up_to(n: u64) -> Self {
        Self { top: n, bits: u64::MAX }
    }

    /// Notes a number. Returns whether it was not seen before.
    pub(super) const fn is_news(&mut self, n: u64) -> bool {
        if n > self.top {
            let ahead = n - self.top;
            self.bits = if ahead < WINDOW { self.bits << ahead } else { 0 };
            self.top = n;
        }
        let behind = self.top - n;
        if behind >= WINDOW || self.bits >> behind & 1 == 1 {
            return false;
        }
        self.bits |= 1 << behind;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S003-12, S003-30: what both channels tell happens once, whichever is the quicker one.
    #[test]
    fn each_number_is_news_once_in_whatever_order() {
        let mut seen = Seen::default();
        let news = [3, 1, 2, 3, 1, 9, 8, 9, 80, 16, 17, 80, 17, 300, 299].map(|n| seen.is_news(n));
        let expected = [true, true, true, false, false, true, true, false, true, false, true, false, false, true, true];
        assert_eq!(news, expected);
    }

    #[test]
    fn a_welcome_holds_what_came_before_it() {
        let mut seen = Seen::up_to(40);
        assert_eq!([40, 39, 1, 41, 41].map(|n| seen.is_news(n)), [false, false, false, true, false]);
    }
}
