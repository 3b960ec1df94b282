// A file embedded by the bundler: the import is its path.
declare module "*.tar.gz" {
  const path: string;
  export default path;
}
