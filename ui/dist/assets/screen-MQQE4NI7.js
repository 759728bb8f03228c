import{j as t,m as e}from"./chunk-LOKDERQ3.js";function n(i){return t("main",{id:"main",children:t(e,{children:"Screen"})})}export{n as Screen};
