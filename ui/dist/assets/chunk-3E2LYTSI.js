function n(o,t=location.pathname){if(o.home)return o.home+t;let r=o.https[0];if(!r)return"";let e=new URL(r);return`https://${location.hostname}${e.port?`:${e.port}`:""}${t}`}export{n as a};
