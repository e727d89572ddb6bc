using System.Runtime.InteropServices;
using Evergrain.Frontend.Turns;

namespace Evergrain.Frontend.Http;

/// <summary>
/// The system's libzstd, as far as unpacking needs it. .NET has no Zstandard of its own; Codex packs its bodies so.
/// </summary>
/// <remarks>Source: zstd.h, the stable part of its streaming interface.</remarks>
internal sealed class Zstandard
{
    // Source: RFC 9659: what is sent as Content-Encoding needs a window of at most 8 MiB. It bounds what libzstd holds.
    private const int WindowLogParameter = 100;
    private const int WindowLogMax = 23;

    private static readonly string[] Names =
        ["libzstd.so.1", "libzstd.so", "libzstd.1.dylib", "libzstd.dylib", "libzstd.dll", "zstd.dll"];

    private readonly CreateContext _create;
    private readonly FreeContext _free;
    private readonly SetParameter _setParameter;
    private readonly DecompressStream _decompress;
    private readonly IsError _isError;

    private Zstandard(nint library)
    {
        _create = Find<CreateContext>(library, "ZSTD_createDCtx");
        _free = Find<FreeContext>(library, "ZSTD_freeDCtx");
        _setParameter = Find<SetParameter>(library, "ZSTD_DCtx_setParameter");
        _decompress = Find<DecompressStream>(library, "ZSTD_decompressStream");
        _isError = Find<IsError>(library, "ZSTD_isError");
    }

    private delegate nint CreateContext();

    private delegate nuint FreeContext(nint context);

    private delegate nuint SetParameter(nint context, int parameter, int value);

    private delegate nuint DecompressStream(nint context, ref Span output, ref Span input);

    private delegate uint IsError(nuint result);

    /// <summary>The library; null where it does not load. It stays loaded.</summary>
    public static Zstandard? Library { get; } = Load();

    /// <summary>Unpacks a whole body, frame after frame; stops where it becomes too long.</summary>
    /// <exception cref="InvalidDataException">It is broken, cut off, or needs too large a window.</exception>
    public async ValueTask UnpackAsync(RentedBuffer packed, RentedBuffer body, CancellationToken cancellationToken)
    {
        var context = _create();
        if (context == 0)
        {
            throw new InvalidOperationException("libzstd has no memory for a context.");
        }

        var source = packed.Segment;
        var pin = GCHandle.Alloc(source.Array, GCHandleType.Pinned);
        try
        {
            Check(_setParameter(context, WindowLogParameter, WindowLogMax));
            await UnpackAllAsync(context, new Span(pin.AddrOfPinnedObject() + source.Offset, source.Count), body,
                cancellationToken);
        }
        finally
        {
            pin.Free();
            _free(context);
        }
    }

    private async ValueTask UnpackAllAsync(nint context, Span input, RentedBuffer body,
        CancellationToken cancellationToken)
    {
        // What is left of the frame, as the library guesses; 0: it is whole. An empty body has no frame at all.
        nuint left = 1;
        var isFull = false;
        while ((input.Position < input.Size || (isFull && left > 0)) && !body.IsOverLong)
        {
            await body.MakeRoomAsync(1, cancellationToken);
            left = Step(context, ref input, body, out isFull);
        }

        if (left > 0 && !body.IsOverLong)
        {
            throw new InvalidDataException("The zstd stream is cut off.");
        }
    }

    private nuint Step(nint context, ref Span input, RentedBuffer body, out bool isFull)
    {
        MemoryMarshal.TryGetArray<byte>(body.Free(), out var room);
        var pin = GCHandle.Alloc(room.Array, GCHandleType.Pinned);
        try
        {
            var output = new Span(pin.AddrOfPinnedObject() + room.Offset, room.Count);
            var left = Check(_decompress(context, ref output, ref input));
            body.Advance((int)output.Position);
            isFull = output.Position == output.Size;
            return left;
        }
        finally
        {
            pin.Free();
        }
    }

    private nuint Check(nuint result) => _isError(result) == 0
        ? result
        : throw new InvalidDataException("The zstd stream is broken, or its window is larger than 8 MiB.");

    private static Zstandard? Load()
    {
        foreach (var name in Names)
        {
            if (NativeLibrary.TryLoad(name, out var library))
            {
                return IsWhole(library) ? new Zstandard(library) : null;
            }
        }

        return null;
    }

    // Before 1.4 the parameters of a context had another name.
    private static bool IsWhole(nint library) => NativeLibrary.TryGetExport(library, "ZSTD_DCtx_setParameter", out _);

    private static T Find<T>(nint library, string name)
        where T : Delegate => Marshal.GetDelegateForFunctionPointer<T>(NativeLibrary.GetExport(library, name));

    /// <summary><c>ZSTD_inBuffer</c> and <c>ZSTD_outBuffer</c>: they differ in who may write there.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Span(nint start, int size)
    {
        public readonly nint Start = start;
        public readonly nuint Size = (nuint)size;
        public nuint Position;
    }
}
