//! What the operator wants on air, over the head of the rules.

use super::sources::InputId;

/// Inputs that can be told apart by an operator; commands for others change nothing.
pub const INPUTS_MAX: u16 = 64;

/// What the operator asks of the router.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// An input is not to be on air, or may be again.
    Allow {
        /// Which.
        input: InputId,
        /// Whether it may.
        allowed: bool,
    },
    /// An input goes before all others, whatever their priorities; `None`: priorities count again.
    Prefer {
        /// Which.
        input: Option<InputId>,
    },
    /// No input is to be on air, or they may be again.
    ForceFallback {
        /// Whether the fallback is forced.
        forced: bool,
    },
}

/// All that the operator wants at the moment. It lasts until it is taken back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// One bit for each input.
    off_air: u64,
    preferred: Option<InputId>,
    fallback_forced: bool,
}

impl Wishes {
    /// Takes in a command.
    pub fn apply(&mut self, command: Command) {
        match command {
            Command::Allow { input, allowed: true } => self.off_air &= !bit(input),
            Command::Allow { input, allowed: false } => self.off_air |= bit(input),
            Command::Prefer { input } => self.preferred = input,
            Command::ForceFallback { forced } => self.fallback_forced = forced,
        }
    }

    /// Whether an input may be on air, unless the fallback is forced.
    #[must_use]
    pub fn allows(&self, input: InputId) -> bool {
        self.off_air & bit(input) == 0
    }

    /// The input that goes before all others.
    #[must_use]
    pub const fn preferred(&self) -> Option<InputId> {
        self.preferred
    }

    /// Whether no input is to be on air.
    #[must_use]
    pub const fn fallback_forced(&self) -> bool {
        self.fallback_forced
    }
}

const fn bit(input: InputId) -> u64 {
    if input.0 < INPUTS_MAX { 1 << input.0 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_wish_lasts_until_it_is_taken_back_and_touches_no_other() {
        let (one, two, stranger) = (InputId(0), InputId(63), InputId(64));
        let mut wishes = Wishes::default();
        wishes.apply(Command::Allow { input: two, allowed: false });
        wishes.apply(Command::Allow { input: stranger, allowed: false });
        wishes.apply(Command::Prefer { input: Some(one) });
        assert!(wishes.allows(one) && !wishes.allows(two) && wishes.allows(stranger));
        assert_eq!((wishes.preferred(), wishes.fallback_forced()), (Some(one), false));
        wishes.apply(Command::ForceFallback { forced: true });
        assert!(wishes.fallback_forced() && wishes.allows(one), "what was allowed is so again afterwards");
        wishes.apply(Command::Allow { input: two, allowed: true });
        wishes.apply(Command::Prefer { input: None });
        wishes.apply(Command::ForceFallback { forced: false });
        assert_eq!(wishes, Wishes::default());
    }
}
