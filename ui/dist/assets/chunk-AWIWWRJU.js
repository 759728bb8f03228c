var c=[["path",{d:"M5 12h14"}],["path",{d:"M12 5v14"}]];var r=[["circle",{cx:"12",cy:"12",r:"1"}],["circle",{cx:"19",cy:"12",r:"1"}],["circle",{cx:"5",cy:"12",r:"1"}]];export{c as a,r as b};
