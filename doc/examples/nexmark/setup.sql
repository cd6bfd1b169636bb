-- Makes everything of Nexmark: generator, streams, queries.
\ir generator.sql
\ir streams.sql
\ir q0.sql
\ir q1.sql
\ir q2.sql
\ir q5.sql
\ir q7.sql
\ir q8.sql
\ir q11.sql
\ir q12.sql
\ir q15.sql
\ir q16.sql
\ir q17.sql
