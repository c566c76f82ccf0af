use super::*;

#[test]
fn what_is_acknowledged_was_synced_to_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    for _ in ["new", "there already"] {
        let store = Store::open(folder.path()).unwrap();
        let beside = Store::open_beside(folder.path()).unwrap();
        for store in [&store, &beside] {
            let writer = recovered(store.0.writer.as_ref().unwrap());
            let synchronous: i64 = writer.pragma_query_value(None, "synchronous", |row| row.get(0)).unwrap();
            let journal: String = writer.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
            assert_eq!((synchronous, journal.as_str()), (2, "wal"));
        }
    }
}
