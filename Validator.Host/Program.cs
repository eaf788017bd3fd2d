Console.WriteLine("validator");
return 0;
