/** nginx, serving a folder to read. */

import { findProgram } from "../../setup/requirements.ts";
import { answers, freePort, Program } from "../../setup/services/process.ts";

/** A running nginx; disposing it ends it. */
export interface Nginx extends AsyncDisposable {
  /** `http://127.0.0.1:…`: the folder, with an index of every folder as JSON. */
  readonly indexed: string;
  /** The same folder without indexes. */
  readonly plain: string;
}

/** Starts nginx over `folder`. */
export async function startNginx(folder: string): Promise<Nginx> {
  await using stack = new AsyncDisposableStack();
  const home = await Deno.makeTempDir({ prefix: "deepshelf-nginx-" });
  stack.defer(() => Deno.remove(home, { recursive: true }));
  const indexedPort = freePort();
  const plainPort = freePort();
  const configuration = `${home}/nginx.conf`;
  await Deno.writeTextFile(
    configuration,
    `daemon off;
master_process off;
pid ${home}/pid;
error_log ${home}/error.log;
events {}
http {
  access_log off;
  client_body_temp_path ${home}/body;
  proxy_temp_path ${home}/proxy;
  fastcgi_temp_path ${home}/fastcgi;
  uwsgi_temp_path ${home}/uwsgi;
  scgi_temp_path ${home}/scgi;
  root ${folder};
  server {
    listen 127.0.0.1:${indexedPort};
    autoindex on;
    autoindex_format json;
  }
  server {
    listen 127.0.0.1:${plainPort};
  }
}
`,
  );
  const program = stack.use(
    Program.start(
      [findProgram("nginx") ?? "nginx", "-p", home, "-c", configuration],
      { logPath: `${home}/log` },
    ),
  );
  const indexed = `http://127.0.0.1:${indexedPort}`;
  await program.waitUntil("nginx", () => answers(indexed));
  const kept = stack.move();
  return {
    indexed,
    plain: `http://127.0.0.1:${plainPort}`,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}
