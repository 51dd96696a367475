// On the first member, by localhost: begins the set, once, and makes its administrator
// while no user is there yet (the localhost exception). Runs in mongo and in mongosh.
// given: set, self, fresh (nobody is in a set), admins (passwords, the newest first), patience (s).
(function () {
  function hello() { return db.adminCommand({hello: 1}); }
  function works(reply) {
    if (!reply.ok) { throw new Error(reply.errmsg); }
    return reply;
  }
  function signsIn(user, passwords) {
    for (var i = 0; i < passwords.length; i++) {
      try { if (db.auth(user, passwords[i])) { return true; } } catch (e) { /* the next one */ }
    }
    return false;
  }
  function begin() {
    if (hello().setName) { return true; }
    if (!given.fresh) { return false; } // those that are in the set bring this one in
    works(db.adminCommand({replSetInitiate: {_id: given.set, members: [{_id: 0, host: given.self}]}}));
    print("changed");
    return true;
  }
  function leads() {
    for (var tries = 0; tries < given.patience; tries++) {
      var now = hello();
      if (now.isWritablePrimary) { return true; }
      if (now.primary) { return false; }
      sleep(1000);
    }
    throw new Error("the set has no primary after " + given.patience + " s: are most of its members up?");
  }
  function makeAdmin() {
    if (signsIn("chatlab-admin", given.admins)) { return; }
    try {
      works(db.adminCommand({createUser: "chatlab-admin", pwd: given.admins[0], roles: [
        {role: "userAdminAnyDatabase", db: "admin"}, {role: "clusterManager", db: "admin"}]}));
    } catch (e) {
      throw new Error("chatlab-admin cannot sign in, and cannot be made where users are: its password is not the deployment's (" + e.message + ")");
    }
    print("changed");
  }
  try {
    if (begin() && leads()) { makeAdmin(); } // where another leads, it has an administrator
    print("good");
  } catch (e) {
    print("error: " + e.message);
  }
})();
