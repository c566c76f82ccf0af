-- Form 12: whole fields are hashed as they come, like cells and pictures. An empty text of bytes: an earlier version counted, so
-- nothing is known of the fields of that count.
ALTER TABLE cell_hash ADD COLUMN fields BLOB;
UPDATE cell_hash SET fields = x'' WHERE cells IS NOT NULL;
