// On the set, wherever its primary is: the members follow the inventory, one at a time,
// and the log servers' users are there with their passwords and rights. Runs in mongo and in mongosh.
// given: members (host:port), admins (the newest first), users (each with its name, actions on
// the log's collection, more roles, and passwords, the newest first), database, collection, patience (s).
(function () {
  function works(reply) {
    if (!reply.ok) { throw new Error(reply.errmsg); }
    return reply;
  }
  // Which of the passwords it is, or -1.
  function signIn(user, passwords) {
    for (var i = 0; i < passwords.length; i++) {
      try { if (db.auth(user, passwords[i])) { return i; } } catch (e) { /* the next one */ }
    }
    return -1;
  }
  function administer() {
    var which = signIn("chatlab-admin", given.admins);
    if (which < 0) { throw new Error("chatlab-admin cannot sign in: its password is not the deployment's"); }
    if (which > 0) { setPassword("chatlab-admin", given.admins[0]); }
  }
  function setPassword(user, password) {
    works(db.adminCommand({updateUser: user, pwd: password}));
    print("changed");
  }
  function at(members, host) {
    for (var i = 0; i < members.length; i++) {
      if (members[i].host === host) { return i; }
    }
    return -1;
  }
  // One step towards the inventory, or null. Who lacks comes before who is too many goes.
  function step(config) {
    var free = 0, i;
    for (i = 0; i < config.members.length; i++) { free = Math.max(free, config.members[i]._id + 1); }
    config.version++;
    for (i = 0; i < given.members.length; i++) {
      if (at(config.members, given.members[i]) < 0) {
        config.members.push({_id: free, host: given.members[i]});
        return {config: config, host: given.members[i], comes: true};
      }
    }
    for (i = 0; i < config.members.length; i++) {
      if (given.members.indexOf(config.members[i].host) < 0) {
        return {config: config, host: config.members.splice(i, 1)[0].host, comes: false};
      }
    }
    return null;
  }
  function take(next) {
    if (!next.comes && db.adminCommand({hello: 1}).me === next.host) {
      works(db.adminCommand({replSetStepDown: 60})); // a primary cannot remove itself
    }
    works(db.adminCommand({replSetReconfig: next.config}));
    print("changed");
  }
  // A new member has all data before the next change: until then it is no help.
  function caughtUp(host) {
    var members = works(db.adminCommand({replSetGetStatus: 1})).members;
    for (var i = 0; i < members.length; i++) {
      if (members[i].name === host) { return members[i].state === 1 || members[i].state === 2; }
    }
    return false;
  }
  // While the set elects, or the last change is not known to most of it, it refuses.
  function follow() {
    var said = "", waiting = null;
    for (var tries = 0; tries < given.patience; tries++) {
      try {
        if (waiting === null || caughtUp(waiting)) {
          var next = step(works(db.adminCommand({replSetGetConfig: 1})).config);
          if (next === null) { return; }
          take(next);
          waiting = next.comes ? next.host : null;
          continue;
        }
        said = waiting + " has not caught up: see its mongod.log";
      } catch (e) {
        said = e.message;
      }
      sleep(1000);
    }
    throw new Error("the set does not have its members after " + given.patience + " s: " + said);
  }
  // A role of the user's own name: no built-in one may insert and not remove.
  function makeRole(user) {
    if (works(db.adminCommand({rolesInfo: user.name})).roles.length > 0) { return; }
    works(db.adminCommand({createRole: user.name, roles: [], privileges: [
      {resource: {db: given.database, collection: given.collection}, actions: user.actions}]}));
    print("changed");
  }
  function named(roles) { return roles.map(function (r) { return r.role; }).sort().join(); }
  function makeUser(user, which) {
    var roles = [{role: user.name, db: "admin"}].concat(user.roles);
    var there = works(db.adminCommand({usersInfo: user.name})).users;
    if (there.length === 0) {
      works(db.adminCommand({createUser: user.name, pwd: user.passwords[0], roles: roles}));
      print("changed");
      return;
    }
    if (which !== 0) { setPassword(user.name, user.passwords[0]); }
    if (named(there[0].roles) !== named(roles)) {
      works(db.adminCommand({updateUser: user.name, roles: roles}));
      print("changed");
    }
  }
  try {
    var which = given.users.map(function (user) {
      var found = signIn(user.name, user.passwords);
      if (found >= 0) { db.logout(); }
      return found;
    });
    administer();
    follow();
    given.users.forEach(function (user, i) {
      makeRole(user);
      makeUser(user, which[i]);
    });
    print("good");
  } catch (e) {
    print("error: " + e.message);
  }
})();
