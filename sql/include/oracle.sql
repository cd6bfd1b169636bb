-- The oracle of the view tests: a view's rows are those of its query over an
-- ordinary table that holds the same rows.
--
-- Streams stand in schema public; their archives, ordinary tables of the same
-- name and columns, in schema archive.  A query is kept as text and run twice:
-- by the view over the stream, and with search_path = archive over the archive.
CREATE SCHEMA archive;
CREATE TABLE archive.tested_views (name text, query text);

-- Makes a stream and its archive with these columns.
CREATE FUNCTION archive.make_stream(name text, columns text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TABLE public.%I (%s) USING stream', name, columns);
    EXECUTE format('CREATE TABLE archive.%I (%s)', name, columns);
END $$;

-- Makes a continuous view that check_views() will compare with its query.
CREATE FUNCTION archive.make_view(name text, query text, options text DEFAULT '') RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE MATERIALIZED VIEW public.%I %s AS %s', name, options, query);
    INSERT INTO archive.tested_views VALUES (name, query);
END $$;

-- Inserts the rows of a query into a stream and its archive.
CREATE FUNCTION archive.send(name text, query text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('INSERT INTO public.%I %s', name, query);
    EXECUTE format('INSERT INTO archive.%I %s', name, query);
END $$;

-- Moves what is in memory to storage, for all tested views, and sees it there.
CREATE FUNCTION archive.flush_views() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    tested record;
    view_rows bigint;
    stored_rows bigint;
BEGIN
    FOR tested IN SELECT ('public.' || quote_ident(name))::regclass AS view FROM archive.tested_views LOOP
        PERFORM stream_flush(tested.view);
        EXECUTE format('SELECT count(*) FROM %s', tested.view) INTO view_rows;
        EXECUTE format('SELECT count(*) FROM %s', (SELECT v.storage::regclass FROM _stream_ext.continuous_view v
                                                    WHERE v.view = tested.view)) INTO stored_rows;
        IF stored_rows < view_rows AND view_rows > 1 THEN
            RAISE EXCEPTION 'view % has % rows, its storage %', tested.view, view_rows, stored_rows;
        END IF;
    END LOOP;
END $$;

-- Compares each view with its query: "same" must be true.
CREATE FUNCTION archive.check_views() RETURNS TABLE (name text, rows bigint, same boolean)
LANGUAGE plpgsql SET search_path = archive, public AS $$
DECLARE
    tested record;
BEGIN
    FOR tested IN SELECT * FROM archive.tested_views ORDER BY tested_views.name COLLATE "C" LOOP
        name := tested.name;
        EXECUTE format('SELECT count(*) FROM (%s) q', tested.query) INTO rows;
        EXECUTE format('SELECT NOT EXISTS (SELECT * FROM public.%1$I EXCEPT ALL (%2$s))
                           AND NOT EXISTS ((%2$s) EXCEPT ALL SELECT * FROM public.%1$I)',
                       tested.name, tested.query) INTO same;
        RETURN NEXT;
    END LOOP;
END $$;

SET search_path = public, archive;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET client_min_messages = warning;
