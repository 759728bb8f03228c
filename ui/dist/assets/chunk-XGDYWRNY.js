var e=[["circle",{cx:"12",cy:"12",r:"10"}]];var c=[["rect",{width:"18",height:"18",x:"3",y:"3",rx:"2"}]];export{e as a,c as b};
