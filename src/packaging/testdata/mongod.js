// A replica set as its scripts see it, in memory: only what they ask for, but as strict as
// mongod is there. server: throws (as mongosh does; mongo returns the failure), local,
// self, me (its primary), config, users, lag (sleeps until a new member has all data),
// refusals (answers to a reconfiguration before one is taken), log.
var db = (function () {
  var signedIn = "", electing = 0, syncing = {};
  function fail(text) {
    if (server.throws) { throw new Error(text); }
    return {ok: 0, errmsg: text};
  }
  function copy(value) { return JSON.parse(JSON.stringify(value)); }
  function hosts(config) { return config.members.map(function (m) { return m.host; }); }
  function leads() { return server.config !== null && electing === 0; }
  function may() { return signedIn === "chatlab-admin" || (server.local && Object.keys(server.users).length === 0); }
  function reconfigure(config) {
    var had = hosts(server.config), has = hosts(config);
    var differ = had.filter(function (h) { return has.indexOf(h) < 0; }).concat(has.filter(function (h) { return had.indexOf(h) < 0; }));
    var ids = config.members.map(function (m) { return m._id; });
    if (server.refusals-- > 0) { return fail("Cannot run replSetReconfig because the current config was not committed"); }
    if (config.version !== server.config.version + 1) { return fail("version " + config.version + " after " + server.config.version); }
    if (differ.length !== 1) { return fail("Non force replset reconfig can only add or remove at most 1 voting member"); }
    if (has.indexOf(server.me) < 0) { return fail("this node, " + server.me + ", is not in the new config"); }
    if (ids.some(function (id, i) { return ids.indexOf(id) !== i; })) { return fail("_id twice: " + ids); }
    if (Object.keys(syncing).length > 0) { return fail("a member that still syncs is no help"); }
    if (has.length > had.length) { syncing[differ[0]] = server.lag; }
    server.config = copy(config);
    server.log.push(has.join(" "));
    return {ok: 1};
  }
  // A role of the set's own must be there; the built-in ones are.
  function grant(user, roles) {
    var unknown = roles.filter(function (r) { return /^chatlab/.test(r.role) && !(r.role in server.roles); });
    if (unknown.length > 0) { return fail("Could not find role: " + unknown[0].role); }
    server.grants[user] = copy(roles);
    return {ok: 1};
  }
  var commands = {
    hello: function () {
      if (server.config === null) { return {ok: 1, isWritablePrimary: false, info: "Does not have a valid replica set config"}; }
      return {ok: 1, setName: server.config._id, isWritablePrimary: leads() && (!server.local || server.me === server.self),
        primary: leads() ? server.me : undefined, me: server.local ? server.self : server.me};
    },
    replSetInitiate: function (c) {
      if (server.config !== null) { return fail("already initialized"); }
      server.config = copy(c.replSetInitiate);
      server.config.version = 1;
      server.me = server.config.members[0].host;
      electing = 2;
      return {ok: 1};
    },
    replSetGetConfig: function () { return leads() ? {ok: 1, config: copy(server.config)} : fail("no primary"); },
    replSetReconfig: function (c) { return leads() ? reconfigure(c.replSetReconfig) : fail("no primary"); },
    replSetStepDown: function () {
      server.me = hosts(server.config).filter(function (h) { return h !== server.me && !(h in syncing); })[0];
      electing = 2;
      server.log.push("step down");
      return {ok: 1};
    },
    replSetGetStatus: function () {
      return {ok: 1, members: server.config.members.map(function (m) {
        return {name: m.host, state: m.host === server.me ? 1 : m.host in syncing ? 5 : 2};
      })};
    },
    usersInfo: function (c) {
      return {ok: 1, users: c.usersInfo in server.users ? [{user: c.usersInfo, roles: server.grants[c.usersInfo] || []}] : []};
    },
    rolesInfo: function (c) { return {ok: 1, roles: c.rolesInfo in server.roles ? [{role: c.rolesInfo}] : []}; },
    createRole: function (c) {
      if (c.createRole in server.roles) { return fail("Role already exists"); }
      server.roles[c.createRole] = c.privileges;
      return {ok: 1};
    },
    createUser: function (c) {
      if (!leads()) { return fail("not primary"); }
      if (c.createUser in server.users) { return fail("User already exists"); }
      server.users[c.createUser] = c.pwd;
      return grant(c.createUser, c.roles);
    },
    updateUser: function (c) {
      if (c.pwd) { server.users[c.updateUser] = c.pwd; }
      return c.roles ? grant(c.updateUser, c.roles) : {ok: 1};
    }
  };
  this.sleep = function () {
    if (electing > 0) { electing--; }
    Object.keys(syncing).forEach(function (h) { if (--syncing[h] <= 0) { delete syncing[h]; } });
  };
  return {
    adminCommand: function (c) {
      var name = Object.keys(c)[0];
      if (name !== "hello" && !may()) { return fail("command " + name + " requires authentication"); }
      return commands[name](c);
    },
    auth: function (user, password) {
      if (signedIn !== "") { throw new Error("logout first"); }
      if (server.users[user] === password) { signedIn = user; return {ok: 1}; }
      if (server.throws) { throw new Error("Authentication failed."); }
      return 0;
    },
    logout: function () { signedIn = ""; return {ok: 1}; }
  };
})();
