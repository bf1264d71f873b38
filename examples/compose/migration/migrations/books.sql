create table if not exists books (title text primary key, year int);
insert into books values ('Mrs Dalloway', 1925), ('Ulysses', 1922) on conflict do nothing;
