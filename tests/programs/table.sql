-- 10,000 rows in one table, joined with another; everything is looked at again.
CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, s TEXT, x REAL);
CREATE TABLE k (k INTEGER PRIMARY KEY, name TEXT UNIQUE);
BEGIN;
WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 10000)
INSERT INTO t SELECT i, i * 7919 % 10007, printf('row %05d', i * 31 % 10000), i / 3.0 FROM c;
COMMIT;
INSERT INTO k SELECT DISTINCT n % 10, 'k' || (n % 10) FROM t;
CREATE INDEX by_n ON t (n);
CREATE INDEX by_s ON t (s, n);
SELECT count(*), sum(n), min(s), max(s), round(avg(x), 6) FROM t;
SELECT name, count(*), max(n) FROM t JOIN k ON t.n % 10 = k.k GROUP BY name ORDER BY name;
SELECT id FROM t WHERE n BETWEEN 100 AND 110 ORDER BY n;
BEGIN;
DELETE FROM t WHERE n % 2;
SELECT count(*) FROM t;
ROLLBACK;
UPDATE t SET x = -x WHERE id % 5 = 0;
DELETE FROM t WHERE id > 9000;
SELECT count(*), round(sum(x), 3) FROM t;
VACUUM;
SELECT s, row_number() OVER (ORDER BY n DESC) FROM t LIMIT 3;
