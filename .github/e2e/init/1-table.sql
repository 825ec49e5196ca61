CREATE TABLE E2E.Item (id INTEGER, name VARCHAR(20));
INSERT INTO E2E.Item (id, name) VALUES (1, 'apple');
INSERT INTO E2E.Item (id, name) VALUES (2, 'pear');
