import pg from 'pg';

/** What the database itself saw: triggers of ours note every write that should not have come through. */
export interface Witness {
  /** To be called once the tables are there. `name`: what the life that made them goes by. */
  install(name: string): Promise<void>;
  /** What it noted, in words. */
  complaints(): Promise<readonly { readonly checker: string; readonly what: string }[]>;
  close(): Promise<void>;
}

/**
 * Watches a journal's tables. A write of progress or of a cursor is to come from the life that holds the claim when it is committed; a claim changes
 * hands only once it has run out by the database's clock; no cursor goes back. The names of lives are those of their connections.
 */
export async function createWitness(url: string, schema: string, leaseMs: number): Promise<Witness> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const own = `${schema}_seen`;
  await client.query(`CREATE SCHEMA ${own};
    CREATE TABLE ${own}.lives (holder uuid PRIMARY KEY, name text NOT NULL);
    CREATE TABLE ${own}.complaints (checker text NOT NULL, what text NOT NULL);`);
  return {
    async install(name) {
      await client.query(triggers(schema, own, leaseMs));
      await client.query(`INSERT INTO ${own}.lives SELECT holder, '${name}' FROM ${schema}.replicas`);
    },
    async complaints() {
      const { rows } = await client.query<{ checker: string; what: string }>(
        `SELECT * FROM ${own}.complaints`,
      );
      return rows;
    },
    async close() {
      await client.query(`DROP SCHEMA ${own} CASCADE; DROP SCHEMA ${schema} CASCADE`);
      await client.end();
    },
  };
}

function triggers(schema: string, own: string, leaseMs: number): string {
  return `
    CREATE FUNCTION ${own}.born() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      INSERT INTO ${own}.lives VALUES (NEW.holder, current_setting('application_name')) ON CONFLICT DO NOTHING;
      RETURN NULL;
    END $$;
    CREATE TRIGGER born AFTER INSERT ON ${schema}.replicas FOR EACH ROW EXECUTE FUNCTION ${own}.born();

    CREATE FUNCTION ${own}.written() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
      its text := CASE TG_TABLE_NAME WHEN 'cursors' THEN 'sink:' || (to_jsonb(NEW)->>'sink') ELSE 'source:' || (to_jsonb(NEW)->>'source') END;
      name text;
    BEGIN
      SELECT lives.name INTO name FROM ${schema}.claims JOIN ${own}.lives USING (holder) WHERE duty = its;
      IF name IS DISTINCT FROM current_setting('application_name') THEN
        INSERT INTO ${own}.complaints VALUES ('fence', current_setting('application_name') || ' writes as ' || its || ', which ' || coalesce(name, 'nobody') || ' has');
      END IF;
      IF TG_TABLE_NAME = 'cursors' AND TG_OP = 'UPDATE' AND (to_jsonb(NEW)->>'seq')::int8 < (to_jsonb(OLD)->>'seq')::int8 THEN
        INSERT INTO ${own}.complaints VALUES ('settled', its || ' goes back');
      END IF;
      RETURN NULL;
    END $$;
    CREATE CONSTRAINT TRIGGER written AFTER INSERT OR UPDATE OF seq ON ${schema}.cursors DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ${own}.written();
    CREATE CONSTRAINT TRIGGER written AFTER INSERT OR UPDATE ON ${schema}.progress DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ${own}.written();

    CREATE FUNCTION ${own}.taken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF NEW.holder <> OLD.holder AND OLD.expires_at > NEW.expires_at - interval '${leaseMs} milliseconds' THEN
        INSERT INTO ${own}.complaints VALUES ('claims', NEW.duty || ' is taken at ' || (NEW.expires_at - interval '${leaseMs} milliseconds')::text || ', and was held until ' || OLD.expires_at::text);
      END IF;
      IF NEW.epoch < OLD.epoch OR (NEW.holder <> OLD.holder AND NEW.epoch = OLD.epoch) THEN
        INSERT INTO ${own}.complaints VALUES ('claims', NEW.duty || ' changes hands without a new epoch');
      END IF;
      RETURN NULL;
    END $$;
    CREATE TRIGGER taken AFTER UPDATE ON ${schema}.claims FOR EACH ROW EXECUTE FUNCTION ${own}.taken();`;
}
