//! `[store]`: how long pictures, cells and results are kept.

use crate::config::keys::Accepts::Whole;
use crate::config::keys::key;

section! {
    /// How long things are kept. Pictures of cells go first, then cells, results last; 0 is for ever.
    "store", StoreConfig {
        /// Days for the pictures of cells, 0 to 36500. They take most of the room.
        crops_days: u32 = 90 => key(Whole(0, 36_500)).unit("days");
        /// Whole fields kept a sample, 0 to 1000: those with blasts, unclassified cells, or cells that a flag is about, until the
        /// number is reached. Some 100 kB each at 640 x 480 pixels; kept as long as the pictures of cells.
        fields: u32 = 40 => key(Whole(0, 1000));
        /// Days for cells with their classes, 0 to 36500. Reviewed cells that nobody signed stay.
        cells_days: u32 = 365 => key(Whole(0, 36_500)).unit("days");
        /// Days for results, 0 to 36500. The law may require a time. Signed results stay for ever.
        results_days: u32 = 0 => key(Whole(0, 36_500)).unit("days");
        /// Size of the store, megabytes, 100 to 1000000. Above it the oldest sessions lose pictures, then cells, before their time.
        megabytes: u32 = 2000 => key(Whole(100, 1_000_000)).unit("megabytes");
    }
}
