import assert from "node:assert/strict";
import { parseAzureUrl } from "../../blobstores/azure_url.ts";
import { BlobError } from "../../blobstores/blob_store.ts";
import { parseS3Url } from "../../blobstores/s3_url.ts";

const SECRET = "planted-secret-0123456789";

function assertRefused(parse: (url: string) => unknown, url: string): void {
  assert.throws(() => parse(url), (error) => {
    assert.ok(error instanceof BlobError);
    assert.equal(error.code, "InvalidConfig", url);
    assert.ok(!Deno.inspect(error).includes(SECRET), `shown for ${url}`);
    return true;
  });
}

Deno.test("an s3: URL says bucket, prefix and options", () => {
  assert.deepEqual(parseS3Url("s3://shelf"), {
    bucket: "shelf",
    prefix: "",
    pathStyle: false,
    display: "s3://shelf",
  });
  const url = "S3://my.shelf/a/B_2/?endpoint=https://s3.example.org:9000" +
    "&region=eu-1&path-style=false&storage-class=STANDARD_IA";
  assert.deepEqual(parseS3Url(url), {
    bucket: "my.shelf",
    prefix: "a/B_2/",
    endpoint: "https://s3.example.org:9000/",
    region: "eu-1",
    pathStyle: false,
    storageClass: "STANDARD_IA",
    display: "s3://my.shelf/a/B_2?endpoint=https://s3.example.org:9000" +
      "&region=eu-1&path-style=false&storage-class=STANDARD_IA",
  });
  const other = parseS3Url("s3://shelf?endpoint=http://127.0.0.1:7480");
  assert.equal(other.pathStyle, true);
});

Deno.test("an s3: URL that is none, or that holds a secret, is refused and not shown", () => {
  const urls = [
    "s3:shelf",
    "s3:///prefix",
    "s3://Shelf",
    "s3://sh",
    "s3://shelf/../other",
    "s3://shelf/a b",
    "s3://shelf/a%2fb",
    "s3://shelf#part",
    "s3://shelf?endpoint=s3.example.org",
    "s3://shelf?endpoint=ftp://s3.example.org",
    "s3://shelf?region=eu&region=us",
    "s3://shelf?region=",
    "s3://shelf?path-style=yes",
    "s3://shelf?storage-class=DEEP_ARCHIVE",
    "s3://shelf?storage-class=standard",
    `s3://key:${SECRET}@shelf/prefix`,
    `s3://shelf?secret-access-key=${SECRET}`,
    `s3://shelf?password=${SECRET}`,
    `s3://shelf?X-Amz-Signature=${SECRET}`,
    `s3://shelf?${SECRET}`,
    `s3://shelf?region=${SECRET}%20`,
    `s3://shelf?endpoint=https://user:${SECRET}@s3.example.org`,
    `s3://shelf?endpoint=https://s3.example.org?token=${SECRET}`,
  ];
  for (const url of urls) assertRefused(parseS3Url, url);
});

Deno.test("an azure: URL says account, container and prefix", () => {
  assert.deepEqual(parseAzureUrl("azure://account1/my-shelf/a/b"), {
    account: "account1",
    container: "my-shelf",
    prefix: "a/b/",
    display: "azure://account1/my-shelf/a/b",
  });
  const url =
    "azure://account1/shelf?endpoint=http://127.0.0.1:10000/account1/";
  assert.equal(
    parseAzureUrl(url).endpoint,
    "http://127.0.0.1:10000/account1",
  );
});

Deno.test("an azure: URL that is none, or that holds a secret, is refused and not shown", () => {
  const urls = [
    "azure://account1",
    "azure://ACCOUNT/shelf",
    "azure://account1/shelf--twice",
    "azure://account1/Shelf",
    "azure://account1/shelf/./a",
    `azure://account1/shelf?sv=1&sig=${SECRET}`,
    `azure://account1/shelf?endpoint=https://x.example.org?sig=${SECRET}`,
  ];
  for (const url of urls) assertRefused(parseAzureUrl, url);
});
