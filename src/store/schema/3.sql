-- Form 3: lines of the trail hash the rows they speak of, and a result names the store that gave it its number.
ALTER TABLE audit ADD COLUMN row_hashes TEXT;
ALTER TABLE result ADD COLUMN store TEXT;
