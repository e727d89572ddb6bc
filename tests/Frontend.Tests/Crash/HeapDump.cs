using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Diagnostics.NETCore.Client;
using Microsoft.Diagnostics.Runtime;

namespace Evergrain.Frontend.Tests.Crash;

/// <summary>A dump of a process' heap: what of it roots lead to, and what they do not.</summary>
internal static class HeapDump
{
    // Their buffers are used again and are not wiped: what they hold is no object's content any more.
    private static readonly string[] Pools =
    [
        "System.Buffers.SharedArrayPool", "System.Buffers.PinnedBlockMemoryPool", "System.Buffers.MemoryPoolBlock",
        "Microsoft.AspNetCore.PinnedBlockMemoryPool", "Microsoft.AspNetCore.MemoryPoolBlock",
        "Microsoft.AspNetCore.Server.Kestrel", "System.IO.Pipelines.",
    ];

    /// <summary>
    /// Takes a dump, and looks for a text in strings and arrays of bytes and characters that roots lead to. Pools of
    /// buffers lead nowhere.
    /// </summary>
    /// <returns>For each that has the text, the types on the way to its root; at most ten.</returns>
    public static IReadOnlyList<string> Find(int process, string text)
    {
        var file = Path.Combine(Path.GetTempPath(), FormattableString.Invariant($"evergrain-{process}.dmp"));
        try
        {
            new DiagnosticsClient(process).WriteDump(DumpType.WithHeap, file);
            using var dump = DataTarget.LoadDump(file);

            // The process runs on the runtime of this one; a dump does not say so on Linux.
            using var runtime = dump.ClrVersions.Single().CreateRuntime(
                Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "libmscordaccore.so"), ignoreMismatch: true);
            return Find(runtime.Heap, text);
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static IReadOnlyList<string> Find(ClrHeap heap, string text)
    {
        var found = new List<string>();
        var bytes = Encoding.UTF8.GetBytes(text);
        var from = new Dictionary<ulong, ulong>();
        var left = new Stack<ClrObject>();
        foreach (var root in heap.EnumerateRoots())
        {
            if (from.TryAdd(root.Object.Address, 0))
            {
                left.Push(root.Object);
            }
        }

        Assert.NotEmpty(left);
        while (left.TryPop(out var one) && found.Count < 10)
        {
            var type = one.Type?.Name ?? string.Empty;
            if (!one.IsValid || Array.Exists(Pools, pool => type.StartsWith(pool, StringComparison.Ordinal)))
            {
                continue;
            }

            if (Holds(one, text, bytes))
            {
                found.Add(PathTo(heap, one.Address, from));
            }

            foreach (var next in one.EnumerateReferences(carefully: false, considerDependantHandles: true))
            {
                if (from.TryAdd(next.Address, one.Address))
                {
                    left.Push(next);
                }
            }
        }

        return found;
    }

    private static bool Holds(ClrObject one, string text, byte[] bytes) => one.Type!.Name switch
    {
        "System.String" => one.AsString(int.MaxValue)!.Contains(text, StringComparison.Ordinal),
        "System.Byte[]" => one.AsArray() is { Length: > 0 } array &&
            array.ReadValues<byte>(0, array.Length).AsSpan().IndexOf(bytes) >= 0,
        "System.Char[]" => one.AsArray() is { Length: > 0 } array &&
            array.ReadValues<char>(0, array.Length).AsSpan().IndexOf(text) >= 0,
        _ => false,
    };

    private static string PathTo(ClrHeap heap, ulong address, Dictionary<ulong, ulong> from)
    {
        var types = new List<string?>();
        for (var at = address; at != 0; at = from[at])
        {
            types.Add(heap.GetObject(at).Type?.Name);
        }

        return string.Join(" < ", types);
    }
}
