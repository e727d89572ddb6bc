using System.Runtime.InteropServices;

namespace Evergrain.Load.Report;

/// <summary>Says what a run was measured on.</summary>
internal static class Machine
{
    /// <summary>Prints the command, the machine and its load.</summary>
    /// <param name="project">The program's project.</param>
    /// <param name="line">Its arguments.</param>
    /// <param name="data">The directory whose disk is measured.</param>
    public static void Print(string project, string line, string data)
    {
        Console.WriteLine($"command: dotnet run -c Release --project {project} -- {line}");
        Console.WriteLine($"machine: {Environment.ProcessorCount} cores, {Processor()}, " +
            $"{RuntimeInformation.FrameworkDescription}, {RuntimeInformation.OSDescription}, " +
            $"{FileSystem(data)}, load {Load()}");
        Console.WriteLine();
    }

    /// <summary>
    /// Other work on the machine, in runnable threads over the last minute: numbers taken beside it are worse.
    /// </summary>
    public static string Load() => File.ReadAllText("/proc/loadavg").Split(' ')[0];

    private static string Processor() => File.ReadLines("/proc/cpuinfo")
        .FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal))?.Split(':')[1].Trim() ?? "?";

    private static string FileSystem(string directory)
    {
        var drive = DriveInfo.GetDrives()
            .Where(drive => directory.StartsWith(drive.Name, StringComparison.Ordinal))
            .MaxBy(drive => drive.Name.Length);
        return drive?.DriveFormat ?? "?";
    }
}
